"""The ZVT door: the gateway plays the terminal towards registers that speak nothing but ZVT."""
