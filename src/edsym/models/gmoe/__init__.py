"""PE-AG-GMoE: point encoder, attention-aggregated graph, Graphormer layers, mixture of experts."""
