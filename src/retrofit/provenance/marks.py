"""Names of our tags and properties in Glance. Those of our own begin with ``retrofit_``."""

from __future__ import annotations

# On every image we publish, whatever tag the operator chose in addition.
OWN_TAG = "octavia-diskimage-retrofit"


FINGERPRINT = "retrofit_fingerprint"


# What the fingerprint was computed of (retrofit.planning.fingerprint.tell), as JSON.
INPUTS = "retrofit_inputs"


# Of which kind the image is.
RECIPE = "retrofit_recipe"


# The tag that the image is made for: it stays known when the image has lost it.
AMP_IMAGE_TAG = "retrofit_amp_image_tag"


# What an image is that Octavia must not select; one that it may select has no state.
STATE = "retrofit_state"


UPLOADING = "uploading"


# Of an image of retrofit.image_manager that is not whole yet.
IMPORTING = "importing"


UNPROVEN = "unproven"


FAILED = "failed"


PREVIOUS = "former"


ROLLED_BACK = "rolled-back"


PROOF_DEPTH = "retrofit_proof_depth"


PROOF_RESULT = "retrofit_proof_result"


PROOF_TIME = "retrofit_proof_time"


PROOF_SUMMARY = "retrofit_proof_summary"


PASSED = "passed"


# For a base image that no simplestreams product describes.
CUSTOM = "custom"
