"""What users ask for: one file per command, each with one public function."""
