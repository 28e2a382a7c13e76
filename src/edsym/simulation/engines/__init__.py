"""The engines, behind one interface: structures and orientations in, patterns out."""
