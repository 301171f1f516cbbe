"""Whether a bundle may go live: behaviour tests, comparison of answers, the release gate and the dossier."""
