"""Speed and memory beside plain PyTorch.

    python -m benchmarks                    every system: training step, epoch, prediction
    python -m benchmarks.scaling            time and memory by batch, steps, modalities, corpus
    python -m benchmarks.residual_gating    the scan against the loop
    python -m benchmarks.recurrent          the bidirectional LSTM against torch.nn.LSTM
    python -m benchmarks.startup            the import and the first load

Memory: `benchmarks.deepmsi_memory`, and `benchmarks.scale` by the size of the corpus; the reading
of texts and recordings: `benchmarks.media`.

What an entry's trunk is worth on other data: `benchmarks.fine_tuning`.
"""
