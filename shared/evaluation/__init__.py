"""How predictions are judged: metrics, baselines, statistics over seeds."""
