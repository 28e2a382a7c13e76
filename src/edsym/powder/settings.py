"""Settings of powder patterns: sections ``powder``, ``powder_network`` and ``powder_evaluation``."""

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator

from edsym.settings import MAX_SEED, Settings, setting


class PowderSettings(Settings):
    """X-ray powder patterns: their axis, and what a diffractometer and a sample do to them."""

    section: ClassVar = "powder"

    wavelength: float = setting(1.540593, "Å", ge=0.2, le=3)
    """Wavelength of the patterns that the network reads (Cu Kα1); others are converted to it."""
    two_theta_min: float = setting(5.0, "°", ge=1, le=60)
    """Start of the patterns' axis."""
    two_theta_max: float = setting(90.0, "°", ge=30, le=120)
    """End of the patterns' axis; at most 120°."""
    step: float = setting(0.05, "°", ge=0.01, le=0.5)
    """Width of a bin of the axis."""
    thermal_b: float = setting(0.5, "Å²", ge=0, le=10)
    """Isotropic displacement parameter B of all atoms."""
    fwhm_min: float = setting(0.05, "°", ge=0.01, le=2)
    """Narrowest instrumental width of a line (full width at half maximum), uniform up to the widest."""
    fwhm_max: float = setting(0.2, "°", ge=0.01, le=2)
    """Widest instrumental width of a line."""
    strain_width_max: float = setting(0.25, "°", ge=0, le=5)
    """Largest broadening by microstrain: this times tan θ, uniform from 0."""
    kalpha2: float = setting(0.7, "of the patterns", ge=0, le=1)
    """Share of the patterns that have the Kα2 line beside Kα1, half as strong."""
    zero_sigma: float = setting(0.03, "°", ge=0, le=1)
    """Standard deviation of the zero shift of 2θ."""
    displacement_sigma: float = setting(0.03, "°", ge=0, le=1)
    """Standard deviation of the shift of 2θ by displacement of the sample: this times cos θ."""
    scale_sigma: float = setting(0.006, ge=0, le=0.1)
    """Standard deviation of a strain of the whole lattice, which simulated structures have as well."""
    strain_sigma: float = setting(0.003, ge=0, le=0.1)
    """Standard deviation of strains of the lattice that keep its crystal system."""
    texture_fraction: float = setting(0.5, "of the patterns", ge=0, le=1)
    """Share of the patterns with preferred orientation about a random lattice plane of low indices."""
    march_min: float = setting(0.4, ge=0.05, le=1)
    """Smallest parameter r of preferred orientation (March and Dollase), log-uniform from it to march_max."""
    march_max: float = setting(1.5, ge=1, le=10)
    """Largest parameter r of preferred orientation."""
    scatter_max: float = setting(0.5, ge=0, le=2)
    """Largest standard deviation of the logarithm of lines' intensities (grains, occupancies), uniform from
    0."""
    impurity_fraction: float = setting(0.2, "of the patterns", ge=0, le=1)
    """Share of the patterns with lines of another structure."""
    impurity_max: float = setting(0.1, "of the pattern", ge=0, le=1)
    """Largest amount of the other structure, uniform from 0."""
    background_min: float = setting(0.002, "of the maximum", ge=0.0001, le=1)
    """Lowest background, log-uniform up to the highest."""
    background_max: float = setting(0.15, "of the maximum", ge=0.0001, le=1)
    """Highest background."""
    counts_min: float = setting(750.0, "counts", ge=10, le=1e9)
    """Fewest counts at the maximum, log-uniform up to the most; they make the noise."""
    counts_max: float = setting(100_000.0, "counts", ge=10, le=1e9)
    """Most counts at the maximum."""
    cut_fraction: float = setting(0.2, "of the patterns", ge=0, le=1)
    """Share of the patterns that start later, by up to 10°, and end earlier, by up to 30°, than the axis."""
    background_window: float = setting(5.0, "°", ge=1, le=30)
    """Windows of the background that is subtracted: of each, the 0.3-quantile."""

    relatives: int = setting(0, "of each material", ge=0, le=100)
    """Relatives of each material that training draws from beside it: its structure of other elements, metals
    for metals, in a strained cell."""
    relative_scale_sigma: float = setting(0.05, ge=0, le=0.3)
    """Standard deviation of the strain of the whole lattice of relatives."""
    relative_strain_sigma: float = setting(0.03, ge=0, le=0.3)
    """Standard deviation of the other strains of relatives, which keep the crystal system."""

    def _contradictions(self) -> Iterator[str]:
        pairs = ("two_theta", "fwhm", "background", "counts")
        for low, high in ((f"{name}_min", f"{name}_max") for name in pairs):
            if getattr(self, low) > getattr(self, high):
                yield (
                    f"powder.{low}: {getattr(self, low):g} is not allowed; it must be at most "
                    f"powder.{high}, {getattr(self, high):g}"
                )

    @property
    def bins(self) -> int:
        """Number of bins of the axis."""
        return round((self.two_theta_max - self.two_theta_min) / self.step)


class TrainingSettings(Settings):
    """What the training of every network on powder patterns has."""

    epochs: int = setting(60, "epochs", ge=1, le=100_000)
    """Passes over the training materials, each with new patterns; the best on the validation part is kept."""
    batch_size: int = setting(256, "patterns", ge=2, le=65_536)
    """Patterns a step."""
    learning_rate: float = setting(0.001, gt=0, le=1)
    """Largest learning rate (AdamW, one cycle)."""
    weight_decay: float = setting(0.01, ge=0, le=1)
    """Weight decay of AdamW."""
    relatives_anew: float = setting(0.0, ge=0, le=1)
    """Each time that a relative is shown its cell is strained anew, by so many times the strains of
    relatives."""
    precision: Literal["auto", "32", "bf16"] = setting("auto", "bit")
    """Arithmetic of training; `auto` is bf16 mixed on a GPU and 32 bit on a CPU."""
    validation_fraction: float = setting(0.08, gt=0, lt=1)
    """Share of the training materials that validate and calibrate."""
    threads: int = setting(8, "threads", ge=1, le=256)
    """CPU threads of the arithmetic; fixed here, as those of the other networks."""
    seed: int = setting(0, ge=0, le=MAX_SEED)
    """Seed of the weights, of patterns and their order, and of dropout."""

    @field_validator("precision", mode="before")
    @classmethod
    def _number_or_name(cls, value):
        return str(value) if type(value) is int else value  # YAML reads 32 as a number

    @property
    def patterns_an_epoch(self) -> int | None:
        """Patterns of an epoch; None is one of each training material."""
        return None

    @property
    def uniform_epochs(self) -> int:
        """First epochs, of clean patterns with all powder groups alike."""
        return 0


class PowderNetworkSettings(TrainingSettings):
    """The perceptron on powder patterns and their autocorrelations."""

    section: ClassVar = "powder_network"

    correlations: int = setting(768, "numbers", ge=16, le=8192)
    """Numbers of each of the two autocorrelations, over ln Q and over Q²."""
    hidden: tuple[Annotated[int, Field(ge=1, le=16_384)], ...] = setting(
        (512, 512), "channels", min_length=1, strict=False
    )
    """Channels of the hidden layers."""
    dropout: float = setting(0.2, ge=0, lt=1)
    """Share of the channels of each hidden layer set to zero in training."""


class PowderEvaluationSettings(Settings):
    """What the powder network is tested on, and beside what."""

    section: ClassVar = "powder_evaluation"

    splits: tuple[Literal["material", "prototype"], ...] = setting(("material", "prototype"), strict=False)
    """Divisions of the materials, a network each: by material, or by prototype, as `split.strategy`
    has it."""
    test_fraction: float = setting(0.25, ge=0.01, le=0.99)
    """Share of the materials that only test."""
    materials: int = setting(0, "materials", ge=0, le=10_000_000)
    """Most training materials, the validation part included; 0 takes all."""
    measured: str | None = setting(None, "path")
    """Measured patterns with known space groups to test on: a folder with labels.csv (file,
    spacegroup_number), or an .npz file (intensity, two_theta_start, two_theta_step, spacegroup_number)."""
    rivals: tuple[Literal["transformer", "convnext", "peaks"], ...] = setting((), strict=False)
    """Networks that are trained as well and stand beside the perceptron: the published transformer, ConvNeXt
    on profiles, the transformer over peaks."""
    trees: int = setting(200, "trees", ge=1, le=10_000)
    """Trees of the forest that stands beside the network."""
    seed: int = setting(0, ge=0, le=MAX_SEED)
    """Seed of the division and of the patterns that test."""
