"""PE-AG-GMoE as a whole: from the spots of a pattern to its crystal system and space group."""

from torch import Tensor, nn

from edsym.models.gmoe.aggregator import Aggregator
from edsym.models.gmoe.encoder import PointEncoder
from edsym.models.gmoe.encodings import DegreeEncoding, PairBias
from edsym.models.gmoe.graph import graph_from_attention
from edsym.models.gmoe.graphormer import GraphormerLayer, GraphToken
from edsym.models.gmoe.layout import Layout
from edsym.models.gmoe.settings import NetworkSettings
from edsym.models.gmoe.spectra import SpectraEncoder
from edsym.symmetry import CRYSTAL_SYSTEMS, N_SPACE_GROUPS
from edsym.training.output import Output
from edsym.training.ragged import Batch


class GMoENetwork(nn.Module):
    """The point-encoder attention-graph network with a mixture of experts (PE-AG-GMoE).

    Source: npj Computational Materials (2025), s41524-025-01927-5.
    """

    def __init__(self, settings: NetworkSettings):
        super().__init__()
        self.settings = settings
        self.encoder = PointEncoder(settings)
        self.aggregator = Aggregator(settings)
        if settings.graph != "none":
            self.degree_encoding = DegreeEncoding(settings)
            self.pair_bias = PairBias(settings)
        self.token = GraphToken(settings)
        self.spectra = SpectraEncoder(settings) if settings.spectra_width else None
        self.layers = nn.ModuleList(
            GraphormerLayer(settings, settings.token_experts == "every" or i == settings.layers - 1)
            for i in range(settings.layers)
        )
        self.norm = nn.LayerNorm(settings.width)
        self.system_head = nn.Linear(settings.width, len(CRYSTAL_SYSTEMS))
        self.spacegroup_head = nn.Linear(settings.width, N_SPACE_GROUPS)

    def measure(self, points: Tensor) -> None:
        """Normalise the inputs to these spots (S, 3)."""
        self.encoder.measure(points)

    def forward(self, points: Batch) -> Output:
        """Return logits and balance loss.

        Parameters
        ----------
        points : Batch
            The patterns.
        """
        layout = Layout.of(points)
        h, attention, balance = self.aggregator(self.encoder(points.x), layout)

        if attention is None:
            patterns, spots = layout.mask.shape
            bias = h.new_zeros(()).expand(patterns, self.settings.heads, spots, spots)
        else:
            graph = graph_from_attention(
                attention,
                layout.mask,
                self.settings.graph,
                self.settings.max_distance,
                self.settings.path_edges,
            )
            h = self.degree_encoding(h, layout.ragged(graph.degrees))
            bias = self.pair_bias(graph)
        bias = self.token.extend(bias, layout.mask)

        token = self.token(len(layout.mask))
        if self.spectra:
            token = token + self.spectra(points.x, layout)
        for layer in self.layers:
            h, token, layer_balance = layer(h, token, bias, layout, last=layer is self.layers[-1])
            balance = balance + layer_balance

        token = self.norm(token)
        return Output(self.system_head(token), self.spacegroup_head(token), balance)
