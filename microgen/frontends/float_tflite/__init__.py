"""Float .tflite files, quantized with ai-edge-quantizer, without TensorFlow."""
