"""The jobs a person asks for, each one documented Python call with the name of its command."""
