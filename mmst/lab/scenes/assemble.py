"""Sets pieces together of parts."""
import numpy as np


def assemble(stage, place, parts):
    """Draw a piece made of boxes, far boxes first.

    Args:
        stage (Stage): The room to draw in.
        place (Place): Where the piece stands.
        parts (list): (faces, details, label) of each box.
    """
    centres = [place.world([np.mean([face[0].mean(0) for face in faces], 0)])[0]
               for faces, _, _ in parts]
    far = [np.square(centre - stage.camera.origin).sum() for centre in centres]
    for index in np.argsort(far)[::-1]:
        faces, details, label = parts[index]
        stage.solid(place, faces, label, details)
