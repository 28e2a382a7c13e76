"""Maps of scans: which crystal the probe met where."""
