"""The settings of the network: the section `network` of the configuration."""

from dataclasses import dataclass

from edsym.errors import InputError

FEATURES = ("polar", "polar_log", "harmonics", "invariant")
GRAPHS = ("sparsemax", "threshold", "literal", "none")


@dataclass(frozen=True)
class NetworkSettings:
    """Sizes of the network.

    Attributes
    ----------
    width : int
        Channels of a spot after the encoder (d).
    features : str
        What the encoder sees of a spot: ``polar``, the paper's, ``polar_log``, ``harmonics`` or
        ``invariant``, which is blind to in-plane rotation (see `encoder`).
    point_channels : tuple of int
        Channels of the encoder between its inputs and `width`.
    heads : int
        Attention heads of the Graphormer layers; they divide `width`.
    aggregator_heads : int
        Attention heads of the aggregator; they divide `width`. The graph has the edges of all of
        them: with many heads it is complete, whatever their zeros.
    layers : int
        Graphormer layers; the aggregator has two layers, as in the paper.
    experts, top_k : int
        Local experts of each mixture, and how many of them a spot is sent to. With no local expert
        (0 and 0), what is left is the shared one, an ordinary feed-forward network.
    expert_width : int
        Hidden channels of an expert; the shared expert has as many.
    graph : str
        How attention becomes a graph: ``sparsemax``, ``threshold`` or ``literal`` (see `graph`); with
        ``none`` there is none, and the Graphormer layers attend without degrees and pair bias.
    max_distance : int
        Longest path looked for, in edges; pairs farther apart count as not connected.
    max_degree : int
        Larger degrees share the embedding of this one.
    dropout : float
        Share of channels dropped behind each attention and each mixture while training.
    spectra_width : int
        Hidden channels of the network that reads the pair spectra (see `spectra`); 0: there is none.
    spectra_dropout : float
        Share of those channels dropped while training.
    """

    width: int
    features: str
    point_channels: tuple[int, ...]
    heads: int
    aggregator_heads: int
    layers: int
    experts: int
    top_k: int
    expert_width: int
    graph: str
    max_distance: int
    max_degree: int
    dropout: float
    spectra_width: int
    spectra_dropout: float

    def __post_init__(self):
        object.__setattr__(self, "point_channels", tuple(self.point_channels))
        for name in ("heads", "aggregator_heads"):
            heads = getattr(self, name)
            if self.width % heads:
                raise InputError(f"network.{name} is {heads}: it must divide network.width ({self.width})")
        if not min(1, self.experts) <= self.top_k <= self.experts:
            raise InputError(
                f"network.top_k is {self.top_k}: it must be 1 to network.experts ({self.experts}), or both 0"
            )
        for name, choices in (("features", FEATURES), ("graph", GRAPHS)):
            if getattr(self, name) not in choices:
                value, allowed = getattr(self, name), ", ".join(choices)
                raise InputError(f"network.{name} is {value!r}: it must be one of {allowed}")
