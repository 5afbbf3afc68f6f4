"""How good the models are: huberflow's defaults against scikit-learn's trees on real tables."""
