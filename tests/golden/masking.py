"""The masked mean that the layers share."""

from golden import component, results

from keras_mer.layers._masking import masked_mean


@component("foal_masked_mean")
def mean(case):
    return results(case, lambda x, _: {"out.mean": masked_mean(x["x"], x["mask"])})
