"""Compression of trained models, each method with its price: what it costs in accuracy, what it brings in bytes.

`compress` in run.py is the public function. TensorFlow, tf_keras and tensorflow-model-optimization are imported in
the worker only (job.py and what it calls).
"""
