"""Does a COCO file hold people with the key points that the data set names?"""
import json

from .sources import Source, data_error


def check_annotations(source: Source) -> None:
    """Refuse an annotation file without key points, or with another number of them.

    Data sets other than mmpose's COCO-style ones are passed over.

    Raises:
        DataError: Naming ``….ann_file``.
    """
    dataset = source.dataset
    if source.task != 'mmpose' or not str(dataset.ann_file).endswith('.json'):
        return
    key, path = f'{source.key}.ann_file', dataset.ann_file
    remedy = 'give a file of key points, e.g. annotations/person_keypoints_val2017.json of COCO'
    people = _read_annotations(key, path, remedy)
    if people is None:
        return
    lengths = {len(person['keypoints']) for person in people
               if isinstance(person, dict) and person.get('keypoints')}
    if not lengths:
        raise data_error(key, path, f'none of its {len(people)} annotations has key points', remedy)
    wanted = dataset.metainfo['num_keypoints']
    for length in sorted(lengths - {3 * wanted}):
        raise data_error(key, path, f'it has people with {length / 3:g} key points, and '
                         f'{type(dataset).__name__} has {wanted}', remedy)


def _read_annotations(key: str, path: str, remedy: str):
    try:
        with open(path, encoding='utf-8') as file:
            content = json.load(file)
    except ValueError as error:
        raise data_error(key, path, f'no JSON ({error})', 'copy it again; ' + remedy) from error
    if isinstance(content, list):  # Some data sets of mmpose keep to a format of their own.
        return None
    people = content.get('annotations')
    if not isinstance(people, list) or not content.get('images'):
        raise data_error(key, path, 'it lists no images or no annotations', remedy)
    return people
