"""What answers for powder patterns, how tables call it, and which tables and figures there are."""

METHODS = {
    "prior": "Prior alone",
    "nearest": "Nearest neighbour",
    "forest": "Random forest",
    "network": "Network",
    "network uniform": "Network, all groups alike",
    "network fitted": "Network, calibrated on the other half",
    "transformer": "Published transformer",
    "transformer fitted": "Published transformer, calibrated on the other half",
    "transformer structured": "Its structured decoder",
    "convnext": "ConvNeXt",
    "convnext fitted": "ConvNeXt, calibrated on the other half",
    "peaks": "Transformer over peaks",
    "peaks fitted": "Transformer over peaks, calibrated on the other half",
}
"""Methods by the names of `edsym.powder.score.score_powder`."""

POWDER_RIVALS = ("transformer", "convnext", "peaks")
"""Networks that can stand beside the perceptron, by the names of `PowderEvaluationSettings.rivals`."""

WEIGHTS = ("scores_weight", "prior_weight")
"""Columns of the scores: weights of scores and prior, see `edsym.powder.model.Calibration`."""

POWDER_TABLES = ("powder1", "powder2", "powder3", "powder4", "powder5", "powder6")
"""The tables of `edsym.evaluation.powder_tables` and `edsym.evaluation.powder_class_tables`."""

POWDER_FIGURES = ("powder_fig1", "powder_fig2", "powder_fig3", "powder_fig4")
"""The figures of `edsym.evaluation.powder_figures`."""
