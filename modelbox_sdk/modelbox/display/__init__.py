"""How objects look in a notebook: self-contained HTML, and plots. A user of the public API only."""

from modelbox.display.artifact_card import artifact_html
from modelbox.display.experiment_card import experiment_html
from modelbox.display.metric_card import metrics_html
from modelbox.display.model_cards import model_html, version_html
from modelbox.display.plotting import plot_metrics

__all__ = ["artifact_html", "experiment_html", "metrics_html", "model_html", "plot_metrics", "version_html"]
