"""How predictions are scored: a report per protocol, and metrics for `compile`."""

from keras_mer.metrics.binary_sentiment_accuracy import BinarySentimentAccuracy
from keras_mer.metrics.calibration_error import calibration_error
from keras_mer.metrics.class_report import class_report
from keras_mer.metrics.confidence_interval import confidence_interval
from keras_mer.metrics.holm import holm
from keras_mer.metrics.paired_test import paired_test
from keras_mer.metrics.pearson_correlation import PearsonCorrelation
from keras_mer.metrics.protocols import PROTOCOLS, Figure, Protocol, protocols
from keras_mer.metrics.reliability import reliability
from keras_mer.metrics.report import report
from keras_mer.metrics.score_calibration import score_calibration
from keras_mer.metrics.seven_class_accuracy import SevenClassAccuracy
from keras_mer.metrics.unweighted_accuracy import UnweightedAccuracy
from keras_mer.metrics.weighted_f1 import WeightedF1

__all__ = [
    "PROTOCOLS",
    "BinarySentimentAccuracy",
    "Figure",
    "PearsonCorrelation",
    "Protocol",
    "SevenClassAccuracy",
    "UnweightedAccuracy",
    "WeightedF1",
    "calibration_error",
    "class_report",
    "confidence_interval",
    "holm",
    "paired_test",
    "protocols",
    "reliability",
    "report",
    "score_calibration",
]
