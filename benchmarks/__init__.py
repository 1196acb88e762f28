"""Speed against plain PyTorch: `python -m benchmarks.cmmsf`, `python -m benchmarks.recurrent`.

What an entry's trunk is worth on other data: `benchmarks.fine_tuning`.
Memory: `benchmarks.deepmsi_memory`, and `benchmarks.scale` by the size of the corpus.
"""
