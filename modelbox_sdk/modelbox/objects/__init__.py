"""What users hold: thin handles, each a record and a session."""

from modelbox.objects.artifact import Artifact, ArtifactFile
from modelbox.objects.experiment import Experiment
from modelbox.objects.lineage import Lineage
from modelbox.objects.metric_table import MetricTable
from modelbox.objects.model import Model
from modelbox.objects.version import ModelVersion

__all__ = ["Artifact", "ArtifactFile", "Experiment", "Lineage", "MetricTable", "Model", "ModelVersion"]
