"""What a notebook user types: structures, patterns, spots, models and their answers, exported by `edsym`."""
