"""Anybody's saved network, as layers and as what one of them returns."""
