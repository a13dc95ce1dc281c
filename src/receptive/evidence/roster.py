"""Every claim that runs decide, in one list."""

from receptive.evidence import discussion, forecasts, predictions
from receptive.evidence.rules import CLAIMS, IN_VIVO

DECIDED = (*CLAIMS, *IN_VIVO, predictions.CLAIM, *forecasts.CLAIMS, *discussion.CLAIMS)
"""In the order of the specification."""
