"""The paper's networks: their layers, how they are trained, and how their filters are read."""
