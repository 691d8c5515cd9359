"""Rego, evaluated by regopy in a process of its own: what loops is stopped, what crashes takes nobody along."""
