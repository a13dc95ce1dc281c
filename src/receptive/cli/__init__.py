from receptive.cli.app import main
