"""Defaults of commands and functions. Nothing is imported here, so that the help of a command starts fast."""

BOARD = "esp32"
RECIPE = "sine"
FRONTEND = "tflite"  # what reads a file that no frontend recognises
RUNTIME = "tflm"
PROJECT = "platformio"
APPLICATION = "serial"
SCHEME = "int8"
WEIGHTS = "int8"
RECURRENT = "step"  # how GRU and RNN layers are converted
VALUE_RANGE = (0.0, 1.0)  # what black and white of an image become
SAMPLE_RATE = 16_000  # of audio, in Hz
MOST_SAMPLES = 100_000
SAMPLES = 100  # inputs that a verification runs
BAUD = 115200  # bits per second of a serial port
BATCH_SIZE = 32  # of a training on a user's data
