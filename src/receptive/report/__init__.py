"""Published and measured side by side, as one document."""
