"""Acts of verification: samples, action points, signatures, returned and reopened units, external visits."""
