"""Encoders: waveforms, texts and speakers become representations."""
