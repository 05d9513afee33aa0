"""How a model is put on a machine: device, precision, offload, quantization, LoRAs."""
