"""Fine-tuning files of services whose models one can only reach by API: a module a service."""
