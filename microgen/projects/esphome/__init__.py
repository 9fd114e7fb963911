"""The kind "esphome": a wake word for ESPHome."""
