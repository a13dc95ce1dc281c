"""Run the command line as ``python -m receptive``."""

from receptive.cli import main

if __name__ == "__main__":
    main()
