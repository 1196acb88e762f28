"""Speed against plain PyTorch: `python -m benchmarks.cmmsf`, `python -m benchmarks.recurrent`.

Memory: `benchmarks.deepmsi_memory`, and `benchmarks.scale` by the size of the corpus.
"""
