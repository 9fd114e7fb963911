"""A model as C11: no interpreter, no library, no heap; the output bytes are those of TFLM."""
