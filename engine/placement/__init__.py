"""Places a model on a machine: device, precision, offload, quantization, LoRAs."""
