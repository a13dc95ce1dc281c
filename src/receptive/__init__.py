"""What a genomic CNN's filters can be read as: Koo & Eddy (2019), executable and tested.

Importing the package imports no deep-learning framework; the modules that train or read a network
import Keras when they are first asked to.
"""

from importlib.metadata import version

__version__ = version("receptive")
