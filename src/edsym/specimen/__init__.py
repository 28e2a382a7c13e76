"""A 4D-STEM scan of nanoparticles that are known, simulated by abTEM: what methods are tested on."""
