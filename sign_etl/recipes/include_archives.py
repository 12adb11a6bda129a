"""The archives of INCLUDE on Zenodo, with their sizes in bytes (56.8 GB in all)."""

from __future__ import annotations

_PARTS = {
    "Adjectives": (
        *(1303983457, 1407281940, 1425808613, 1214968173, 1310663669, 1247813680),
        *(1253415149, 834989744),
    ),
    "Animals": (1819837734, 1069027692),
    "Clothes": (1387609869, 1396763182),
    "Colours": (1268663334, 1452446819),
    "Days_and_Time": (1244115203, 1016797379, 852955661),
    "Electronics": (926290038, 824110880),
    "Greetings": (1573733886, 1208700458),
    "Home": (1248459133, 1338509691, 1080038303, 873459938),
    "Jobs": (1503117419, 1650647791),
    "Means_of_Transportation": (1846003966, 1606937936),
    "People": (1327653833, 1251273463, 1586966004, 1303778856, 1301122063),
    "Places": (1394196824, 1355857452, 1466179266, 1058186818),
    "Pronouns": (1419853451, 946837765),
    "Seasons": (1251955665,),
    "Society": (1436640862, 1358587307, 1105579609),
}

ARCHIVE_BYTES = {
    f"{category}_{number}of{len(sizes)}.zip": size
    for category, sizes in _PARTS.items()
    for number, size in enumerate(sizes, start=1)
}
"""Size by file name."""
