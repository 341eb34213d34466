"""An endless stream of drawn code -> weights of a backbone."""
