"""The names of a report's files, below its folder."""

PAGE = "report.html"
STATISTICS = "statistics.html"
ANOMALIES = "anomalies.txt"
CURVES = "figures/training_curves.png"
PREDICTED = "figures/predicted_against_true{}.png"  # of several labels, with their places
RESIDUALS = "figures/residuals{}.png"
CONFUSION = "figures/confusion_matrix.png"
RELIABILITY = "figures/reliability.png"
BY_SLICE = "figures/error_by_slice.png"
SLICES_CSV = "slices.csv"
SLICES_JSON = "slices.json"
