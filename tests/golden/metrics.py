"""The metrics: both the plain figures and the four decimals of the published code."""

import numpy as np
from golden import component

from keras_mer.metrics import class_report, report


def sentiment(case, protocol):
    found = report(case.inputs["truth"], case.inputs["pred"], protocol=protocol)
    plain = {f"out.{name}": value for name, value in found.items()}
    return plain | {f"out.rounded.{name}": round(value, 4) for name, value in found.items()}


@component("metric_mosi", gradients=False)
def mosi(case):
    return sentiment(case, "mosi")


@component("metric_mosei", gradients=False)
def mosei(case):
    return sentiment(case, "mosei")


@component("metric_sims", gradients=False)
def sims(case):
    return sentiment(case, "sims")


@component("metric_classes", gradients=False)
def classes(case):
    number = case.config["classes"]
    truth, predicted = case.inputs["truth"], np.eye(number)[case.inputs["pred"]]
    found = report(truth, predicted, protocol="classes") | class_report(truth, predicted, number)
    return {f"out.{name}": value for name, value in found.items()}
