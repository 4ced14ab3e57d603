"""The network: forward pass, readout, start, steps and engines. It knows no rule by name."""
