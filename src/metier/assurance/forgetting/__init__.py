"""Whether a bundle has forgotten anything that another one knew: every label, part of the rows and behaviour, in pairs."""
