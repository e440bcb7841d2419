"""Names the classes of street scenes, and their numbers in Cityscapes."""


#: Class names in the order of their train ids.
CLASSES = ('road', 'sidewalk', 'building', 'wall', 'fence', 'pole', 'traffic light',
           'traffic sign', 'vegetation', 'terrain', 'sky', 'person', 'rider', 'car', 'truck',
           'bus', 'train', 'motorcycle', 'bicycle')
#: Label id of each train id, as Cityscapes numbers them.
LABEL_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
(ROAD, SIDEWALK, BUILDING, WALL, FENCE, POLE, LIGHT, SIGN, VEGETATION, TERRAIN, SKY, PERSON,
 RIDER, CAR, TRUCK, BUS, TRAIN, MOTORCYCLE, BICYCLE) = range(19)
#: Drawn, but not trained: the camera's own car and things without a class.
EGO, STATIC = 30, 31
#: Label ids of ``EGO`` and ``STATIC`` in Cityscapes.
OTHER_IDS = {EGO: 1, STATIC: 4}
