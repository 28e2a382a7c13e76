"""What all engines take alike."""

# Imaginary parts below this share of the largest coefficient are rounding: the crystal is centrosymmetric.
NEGLIGIBLE_IMAGINARY = 1e-5
# Beams on the very rim |g| = g_max must not come and go by rounding: equivalent ones stay together.
RIM = 1 + 1e-9
# Share of the elastic potential that is absorptive, where it is taken as proportional: a customary value
# (Hashimoto, Howie & Whelan 1962, Proc. R. Soc. A 269, 80-103).
PROPORTIONAL_ABSORPTION = 0.1
