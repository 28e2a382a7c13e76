"""What all engines take alike."""

# Imaginary parts below this share of the largest coefficient are rounding: the crystal is centrosymmetric.
NEGLIGIBLE_IMAGINARY = 1e-5
# Beams on the very rim |g| = g_max must not come and go by rounding: equivalent ones stay together.
RIM = 1 + 1e-9
# Share of the elastic potential that is absorptive, where it is taken as proportional: a customary value
# (Hashimoto, Howie & Whelan 1962, Proc. R. Soc. A 269, 80-103).
PROPORTIONAL_ABSORPTION = 0.1
BASES = {
    "published": {"g_max": 2.0, "max_excitation_error": 0.06, "min_beam_amplitude": None},
    "box": {"g_max": 4.0, "max_excitation_error": 0.02, "min_beam_amplitude": None},
    "adaptive": {"g_max": 3.0, "max_excitation_error": 0.07, "min_beam_amplitude": 0.001},
}
"""The cuts that a basis stands for, in 1/Å; None is no cut."""
