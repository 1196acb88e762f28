"""The discrepancy of MCIHN."""

from golden import component, results

from keras_mer.losses import MultiKernelMMD


@component("mmd")
def mmd(case):
    loss = MultiKernelMMD(case.config["kernels"], case.config["factor"])
    return results(case, lambda i, _: {"out.mmd": loss(i["source"], i["target"])})
