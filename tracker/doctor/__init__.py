"""The examination of an installation's configuration: `flask doctor`, and the probes of a balancer."""
