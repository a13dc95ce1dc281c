"""Theory: what follows from an architecture alone: layers, receptive fields, the toy model, assembly."""
