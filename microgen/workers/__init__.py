"""What runs in processes of its own: LiteRT, TFLM and compiled firmware. Only NumPy and the engines are imported here.

A build starts half a dozen such processes, and each pays for what it imports.
"""
