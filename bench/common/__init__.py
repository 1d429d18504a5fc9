# SPDX-License-Identifier: GPL-2.0-or-later
"""What the parts of the benchmark have in common."""
